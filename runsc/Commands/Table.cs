using System.Text;

namespace Sandbox.Runsc.Commands;

/// <summary>Text in columns.</summary>
internal static class Table
{
    /// <summary>Pads each column to its widest cell and three spaces; the last one is not padded.</summary>
    public static string Format(List<string[]> rows)
    {
        const int gap = 3;
        int[] widths = new int[rows[0].Length];
        foreach (string[] row in rows)
        {
            for (int column = 0; column < row.Length; column++)
                widths[column] = Math.Max(widths[column], row[column].Length + gap);
        }

        StringBuilder text = new();
        foreach (string[] row in rows)
        {
            for (int column = 0; column < row.Length; column++)
                text.Append(column == row.Length - 1 ? row[column] : row[column].PadRight(widths[column]));
            text.Append('\n');
        }

        return text.ToString();
    }
}
