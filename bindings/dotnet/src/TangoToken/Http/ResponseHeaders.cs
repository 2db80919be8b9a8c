namespace TangoToken.Http;

/// <summary>Reads headers of a response as they came, without parsing them.</summary>
internal static class ResponseHeaders
{
    // Enough for any challenge; an API must not decide how long a caller is busy.
    private const int Longest = 16 * 1024;

    /// <summary>Returns the values of a header, joined by <c>, </c>; null if there is none.</summary>
    internal static string? Read(HttpResponseMessage response, string name)
    {
        if (!response.Headers.NonValidated.TryGetValues(name, out var values))
            return null;
        string? joined = null;
        foreach (string value in values)
        {
            joined = joined is null ? value : $"{joined}, {value}";
            if (joined.Length >= Longest)
                break;
        }
        return joined;
    }

    /// <summary>Cuts a header off that is longer than any that an API has a reason to send.</summary>
    internal static string? Bound(string? value)
    {
        if (value is null)
            return null;
        string bounded = value.Length <= Longest ? value : value[..Longest];
        // A header has neither, but another HTTP client may hand out what it got.
        return bounded.Contains('\0') ? bounded.Replace('\0', ' ') : bounded;
    }
}
