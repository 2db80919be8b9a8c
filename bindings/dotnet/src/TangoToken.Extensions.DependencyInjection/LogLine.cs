using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TangoToken.Extensions.DependencyInjection;

/// <summary>
/// A line of the library's log as the state of a log entry: the fields after the sentence, by name, and a template.
/// </summary>
internal sealed partial class LogLine : IReadOnlyList<KeyValuePair<string, object?>>
{
    private readonly string line;
    private readonly List<KeyValuePair<string, object?>> fields;

    private LogLine(string line, List<KeyValuePair<string, object?>> fields)
    {
        this.line = line;
        this.fields = fields;
    }

    /// <summary>Reads a line: a sentence, followed by fields as <c>name=value</c>, with strings in quotes.</summary>
    internal static LogLine Parse(string line)
    {
        Match match = Fields().Match(line);
        CaptureCollection names = match.Groups["name"].Captures;
        CaptureCollection values = match.Groups["value"].Captures;
        var fields = new List<KeyValuePair<string, object?>>(names.Count + 1);
        // A template names the fields in braces, so those of the sentence are doubled.
        var template = new StringBuilder(line[..match.Index]).Replace("{", "{{").Replace("}", "}}");
        for (int i = names.Count - 1; i >= 0; i--)
        {
            fields.Add(new(names[i].Value, ValueOf(values[i].Value)));
            template.Append(' ').Append(names[i].Value).Append("={").Append(names[i].Value).Append('}');
        }
        fields.Add(new("{OriginalFormat}", template.ToString()));
        return new LogLine(line, fields);
    }

    public int Count => fields.Count;

    public KeyValuePair<string, object?> this[int index] => fields[index];

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => fields.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => line;

    private static object ValueOf(string value) => value switch
    {
        ['"', .. string inner, '"'] => Escapes().Replace(inner, Unescape),
        "true" => true,
        "false" => false,
        _ when long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) =>
            number,
        _ => value,
    };

    // Those of Rust's strings.
    private static string Unescape(Match escape) => escape.Value switch
    {
        "\\n" => "\n",
        "\\r" => "\r",
        "\\t" => "\t",
        "\\0" => "\0",
        ['\\', 'u', '{', .. string digits, '}'] when Rune.TryCreate(Convert.ToInt32(digits, 16), out Rune rune) =>
            rune.ToString(),
        ['\\', .. string character] => character,
        string other => other,
    };

    // From the right, where the fields are: a long line without fields then costs nothing.
    [GeneratedRegex("""(?: (?<name>[a-z_]+)=(?<value>"(?:[^"\\]|\\.)*"|[^\s"]+))*$""",
        RegexOptions.RightToLeft | RegexOptions.ExplicitCapture)]
    private static partial Regex Fields();

    [GeneratedRegex("""\\(?:u\{[0-9a-f]{1,6}\}|.)""")]
    private static partial Regex Escapes();
}
