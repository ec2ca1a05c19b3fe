"""How long the parts of the library take, beside the bare network or another library."""
