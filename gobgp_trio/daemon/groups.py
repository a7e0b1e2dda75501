"""Exception groups, which nurseries raise, for those who want the one thing that went wrong."""


def first_leaf(group: BaseException) -> BaseException:
    """One of the exceptions that a group is about."""
    inner = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner
