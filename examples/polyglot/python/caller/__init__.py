"""Says what there is to say in each protocol, over and over: what works, what fails, what streams, what waits."""
