"""What ``scripts/bench`` is made of: our daemon and others under the same load, side by side.

``feed`` makes the routes, ``counting`` reads what comes back, ``session`` is the BGP speaker that
measures, ``lab`` the namespaces, ``machine`` what /proc tells, ``daemons`` the adapters,
``scenarios`` the measurements and ``report`` the table.  Nothing here uses the project's own BGP
code to encode or count, so that a fault in it cannot hide itself.
"""
