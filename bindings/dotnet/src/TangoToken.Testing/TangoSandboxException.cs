namespace TangoToken.Testing;

/// <summary>The sandbox was not found or did not start, or its control API refused a call.</summary>
public class TangoSandboxException : Exception
{
    /// <summary>Initializes an exception with a default message.</summary>
    public TangoSandboxException() : base("The sandbox cannot be used.") { }

    /// <summary>Initializes an exception.</summary>
    /// <param name="message">What happened, and what to do.</param>
    public TangoSandboxException(string? message) : base(message) { }

    /// <summary>Initializes an exception that has a cause.</summary>
    /// <param name="message">What happened, and what to do.</param>
    /// <param name="innerException">The cause.</param>
    public TangoSandboxException(string? message, Exception? innerException) : base(message, innerException) { }
}
