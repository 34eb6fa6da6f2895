using System.Globalization;

namespace Sandbox.Runsc.Diagnostics;

/// <summary>What a trace says about one kind of event before the first of them.</summary>
/// <param name="Provider">The source's name.</param>
/// <param name="Name">The event's.</param>
/// <param name="Fields">Its values, in order.</param>
internal sealed record TraceEventKind(string Provider, string Name, List<TraceField> Fields);

/// <summary>A value of an event.</summary>
/// <param name="Type">System.TypeCode's number; 1 is a structure.</param>
/// <param name="Parts">Of a structure.</param>
internal sealed record TraceField(string Name, int Type, List<TraceField>? Parts);

/// <summary>One event: its values as text and numbers by name, those of structures among them.</summary>
internal sealed class TraceEvent(TraceEventKind kind)
{
    private readonly Dictionary<string, string> _texts = [];
    private readonly Dictionary<string, double> _numbers = [];

    public TraceEventKind Kind => kind;

    public string Text(string field) =>
        _texts.TryGetValue(field, out string? text) ? text : Number(field).ToString(CultureInfo.InvariantCulture);

    public double Number(string field) => _numbers.GetValueOrDefault(field);

    public bool Has(string field) => _numbers.ContainsKey(field) || _texts.ContainsKey(field);

    /// <summary>Reads the values. False if there is a type in it that this reader does not know.</summary>
    public bool Read(ref BlockReader reader) => Read(kind.Fields, ref reader);

    private bool Read(List<TraceField> fields, ref BlockReader reader)
    {
        foreach (TraceField field in fields)
        {
            if (field.Parts is not null)
            {
                if (!Read(field.Parts, ref reader))
                    return false;
            }
            else if ((TypeCode)field.Type == TypeCode.String)
            {
                _texts[field.Name] = reader.Text();
            }
            else if (ReadNumber((TypeCode)field.Type, ref reader) is { } number)
            {
                _numbers[field.Name] = number;
            }
            else
            {
                return false;
            }
        }

        return !reader.IsBroken;
    }

    private static double? ReadNumber(TypeCode type, ref BlockReader reader) => type switch
    {
        TypeCode.Boolean or TypeCode.Int32 => reader.I32(),
        TypeCode.UInt32 => (uint)reader.I32(),
        TypeCode.SByte => (sbyte)reader.U8(),
        TypeCode.Byte => reader.U8(),
        TypeCode.Int16 => reader.I16(),
        TypeCode.UInt16 or TypeCode.Char => (ushort)reader.I16(),
        TypeCode.Int64 => reader.I64(),
        TypeCode.UInt64 => (ulong)reader.I64(),
        TypeCode.Single => BitConverter.Int32BitsToSingle(reader.I32()),
        TypeCode.Double => BitConverter.Int64BitsToDouble(reader.I64()),
        _ => null,
    };
}
