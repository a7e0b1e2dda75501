"""The other implementations of BGP, each as its own machine: one module per implementation."""
