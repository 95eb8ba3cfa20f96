"""Methods that steer a finished generator, and the models that all methods end as."""
