"""The toolbox over the Model Context Protocol."""
