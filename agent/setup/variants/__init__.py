"""Ways of deciding that ship with the program, a TOML file each."""
