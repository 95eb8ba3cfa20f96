"""Makes the weights of the domain faces64 from networks that others have published."""
