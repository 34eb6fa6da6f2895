using System.Globalization;
using System.Text;

namespace Sandbox.Linux;

/// <summary>
/// The program's own code and constants as this process has them mapped. What only starting needed can be unmapped
/// again: it stays in the page cache, and what is still wanted comes back with a minor fault.
/// </summary>
public sealed class HostProgramPages
{
    // The program is linked to fixed addresses at the bottom (decision 0022); nothing else of a file is there.
    private const ulong ProgramEnd = 1UL << 32;
    private const int NoLongerNeeded = 4; // MADV_DONTNEED

    private readonly List<(ulong Start, ulong End)> _ranges = [];

    private HostProgramPages()
    {
    }

    /// <summary>
    /// Finds them in /proc/self/smaps, before a filter forbids to open that; nothing if it cannot be read.
    /// </summary>
    public static HostProgramPages Find()
    {
        HostProgramPages pages = new();
        if (HostFile.OpenAt(HostFile.CurrentDirectory, "/proc/self/smaps"u8, OpenFlags.CloseOnExec).Failed(
            out int fd, out _))
            return pages;
        using HostFd file = new(fd);
        byte[] text = new byte[8 << 10]; // The program's mappings are the lowest, and so the first.
        int length = 0;
        while (length < text.Length && !HostFile.Read(fd, text.AsSpan(length)).Failed(out int count, out _)
            && count > 0)
            length += count;
        pages.Parse(Encoding.ASCII.GetString(text, 0, length));
        return pages;
    }

    /// <summary>Unmaps them until they are touched again.</summary>
    public void Forget()
    {
        foreach ((ulong start, ulong end) in _ranges)
            HostSyscall.Call(Sys.madvise, (long)start, (long)(end - start), NoLongerNeeded);
    }

    /// <summary>
    /// Takes mappings of a file that cannot be written and have no page of their own: there is nothing in them to lose.
    /// What the linker made read-only after it had written to it has such pages.
    /// </summary>
    private void Parse(string text)
    {
        (ulong Start, ulong End) range = default;
        bool isCandidate = false;
        foreach (string line in text.Split('\n'))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 5 && words[1].Length == 4 && words[0].Contains('-'))
            {
                string[] ends = words[0].Split('-');
                isCandidate = words[1] is "r-xp" or "r--p" && words[4] != "0"
                    && ulong.TryParse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong start)
                    && ulong.TryParse(ends[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong end)
                    && (range = (start, end)) != default
                    && end <= ProgramEnd;
            }
            else if (isCandidate && words is ["Anonymous:", "0", ..])
            {
                _ranges.Add(range);
            }
        }
    }
}
