"""What belongs to the machine and not to the subject: files, progress, optional packages, settings of the process."""
