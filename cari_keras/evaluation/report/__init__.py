"""An evaluation on one page: plots, pictures and tables in a single HTML file."""
