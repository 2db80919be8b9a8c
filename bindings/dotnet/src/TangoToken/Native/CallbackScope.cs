namespace TangoToken.Native;

/// <summary>
/// Marks a thread that runs code of the program for the library, which waits for that code to return.
/// </summary>
internal ref struct CallbackScope
{
    [ThreadStatic]
    private static bool isInside;

    private readonly bool wasInside;

    private CallbackScope(bool wasInside) => this.wasInside = wasInside;

    /// <summary>
    /// Whether a wait for a token on this thread could be a deadlock, which only the library can tell.
    /// </summary>
    internal static bool IsInside => isInside;

    internal static CallbackScope Enter()
    {
        var scope = new CallbackScope(isInside);
        isInside = true;
        return scope;
    }

    public readonly void Dispose() => isInside = wasInside;
}
