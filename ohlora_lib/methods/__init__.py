"""Ways to make a generator obey: one folder per family, and the models that all of them end as."""
