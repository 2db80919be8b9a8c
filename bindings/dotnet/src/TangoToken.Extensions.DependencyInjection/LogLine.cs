using System.Collections;
using System.Text;

namespace TangoToken.Extensions.DependencyInjection;

/// <summary>
/// A line of the library's log as the state of a log entry: the fields after the sentence, by name, and a template.
/// </summary>
internal sealed class LogLine : IReadOnlyList<KeyValuePair<string, object?>>
{
    private readonly TangoTokenLogRecord record;
    private readonly List<KeyValuePair<string, object?>> fields;

    public LogLine(TangoTokenLogRecord record)
    {
        this.record = record;
        fields = new(record.Fields.Count + 1);
        // A template names the fields in braces, so those of the sentence are doubled.
        var template = new StringBuilder(record.Message).Replace("{", "{{").Replace("}", "}}");
        foreach ((string name, object value) in record.Fields)
        {
            fields.Add(new(name, value));
            template.Append(' ').Append(name).Append("={").Append(name).Append('}');
        }
        fields.Add(new("{OriginalFormat}", template.ToString()));
    }

    public int Count => fields.Count;

    public KeyValuePair<string, object?> this[int index] => fields[index];

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => fields.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => record.ToString();
}
