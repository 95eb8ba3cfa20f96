"""The ways to fit directions, a file each; `directions.method` lists them."""
