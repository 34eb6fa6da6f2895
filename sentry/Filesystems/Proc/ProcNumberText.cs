using System.Buffers.Text;

namespace Sandbox.Sentry.Filesystems.Proc;

/// <summary>Numbers as the files of /proc take them: kstrtol(9) with base 0 and strstrip() before it.</summary>
internal static class ProcNumberText
{
    /// <summary>
    /// A decimal, hexadecimal (0x) or octal (0) number with an optional sign, and white space around it. False if
    /// anything else stands there, or if it does not fit.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out long value)
    {
        value = 0;
        int nul = text.IndexOf((byte)0);
        ReadOnlySpan<byte> digits = (nul < 0 ? text : text[..nul]).Trim(" \t\n\v\f\r"u8);
        bool isNegative = digits is [(byte)'-', ..];
        if (digits is [(byte)'-' or (byte)'+', ..])
            digits = digits[1..];
        if (!TryParseMagnitude(digits, out ulong magnitude) || magnitude > (ulong)long.MaxValue)
            return false;
        value = isNegative ? -(long)magnitude : (long)magnitude;
        return true;
    }

    private static bool TryParseMagnitude(ReadOnlySpan<byte> digits, out ulong value)
    {
        if (digits is [(byte)'0', (byte)'x' or (byte)'X', _, ..])
            return Utf8Parser.TryParse(digits[2..], out value, out int used, 'x') && used == digits.Length - 2;
        if (digits is [(byte)'0', _, ..])
            return TryParseOctal(digits[1..], out value);
        return Utf8Parser.TryParse(digits, out value, out int all) && all == digits.Length
            && digits is [>= (byte)'0' and <= (byte)'9', ..];
    }

    private static bool TryParseOctal(ReadOnlySpan<byte> digits, out ulong value)
    {
        value = 0;
        foreach (byte digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7' || value >> 61 != 0)
                return false;
            value = (value << 3) | (uint)(digit - '0');
        }

        return true;
    }
}
