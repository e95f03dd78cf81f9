"""The one exception for what a user can put right."""


class UserError(Exception):
    """A usage error or an input that can't be used.

    Its message is one sentence that names the file and the way out; the command line prints it
    without a traceback and exits with status 2.
    """
