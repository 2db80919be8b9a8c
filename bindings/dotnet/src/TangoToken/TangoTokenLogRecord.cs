using System.Text.Encodings.Web;

namespace TangoToken;

/// <summary>One line of the library's log, with its fields apart. It never contains a secret.</summary>
public sealed class TangoTokenLogRecord
{
    /// <summary>Makes a record, for tests of a receiver.</summary>
    /// <param name="level">How important it is.</param>
    /// <param name="time">When it was logged.</param>
    /// <param name="target">The part of the library that logged it.</param>
    /// <param name="message">The sentence, without the fields.</param>
    /// <param name="fields">The names and values of the fields.</param>
    public TangoTokenLogRecord(
        TangoTokenLogLevel level,
        DateTimeOffset time,
        string target,
        string message,
        IReadOnlyList<KeyValuePair<string, object>> fields)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(fields);
        Level = level;
        Time = time;
        Target = target;
        Message = message;
        Fields = fields;
    }

    /// <summary>How important it is.</summary>
    public TangoTokenLogLevel Level { get; }

    /// <summary>When it was logged.</summary>
    public DateTimeOffset Time { get; }

    /// <summary>The part of the library that logged it, such as <c>tango_token::endpoint</c>.</summary>
    public string Target { get; }

    /// <summary>The sentence, without the fields.</summary>
    public string Message { get; }

    /// <summary>
    /// The fields, such as <c>client</c> and <c>http_status</c>, in their order. A value is a <see cref="string"/>, a
    /// <see cref="long"/> or a <see cref="bool"/>.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, object>> Fields { get; }

    /// <summary>Returns the message and the fields in one line.</summary>
    public override string ToString() =>
        Message + string.Concat(Fields.Select(static field => $" {field.Key}={Shown(field.Value)}"));

    private static string Shown(object value) => value switch
    {
        // Escapes quotation marks, control characters and line separators, so that a line stays one.
        string text => '"' + JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text) + '"',
        bool truth => truth ? "true" : "false",
        _ => FormattableString.Invariant($"{value}"),
    };
}
