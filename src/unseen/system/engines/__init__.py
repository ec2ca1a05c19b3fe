"""Where tasks are done that do not depend on one another: the processes of this machine, or many machines."""
