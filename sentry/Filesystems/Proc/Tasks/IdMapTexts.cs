using System.Buffers.Text;
using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/uid_map, gid_map and setgroups (user_namespaces(7)).</summary>
internal static class IdMapTexts
{
    private const int MaxRanges = 340;

    public static Errno WriteUserMap(ProcTask target, ICaller reader, ByteBuilder text) =>
        Write(target.Task.Credentials.UserNamespace.UserMap, ViewerOf(target, reader)?.UserMap, text);

    public static Errno WriteGroupMap(ProcTask target, ICaller reader, ByteBuilder text) =>
        Write(target.Task.Credentials.UserNamespace.GroupMap, ViewerOf(target, reader)?.GroupMap, text);

    public static Errno ReadUserMap(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        UserNamespace space = target.Task.Credentials.UserNamespace;
        if (space.UserMap is not null)
            return Errno.EPERM;
        if (Parse(text, space.Parent?.UserMap).Failed(out IdRange[]? map, out Errno error))
            return error;
        if (!MayMap(writer, space, map, Capability.SetUid, writer.Credentials.EffectiveUserId))
            return Errno.EPERM;
        space.UserMap = map;
        return Errno.Ok;
    }

    public static Errno ReadGroupMap(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        UserNamespace space = target.Task.Credentials.UserNamespace;
        if (space.GroupMap is not null)
            return Errno.EPERM;
        if (Parse(text, space.Parent?.GroupMap).Failed(out IdRange[]? map, out Errno error))
            return error;
        bool mapsOwn = MayMap(writer, space, map, Capability.SetGid, writer.Credentials.EffectiveGroupId);

        // Without privilege in the parent, dropping groups must have been given up first.
        bool isPrivileged = space.Parent is { } parent && writer.Credentials.Has(Capability.SetGid, parent);
        if (!mapsOwn || (!isPrivileged && !space.SetGroupsDenied))
            return Errno.EPERM;
        space.GroupMap = map;
        return Errno.Ok;
    }

    /// <summary>
    /// Project ids are not kept; the first namespace maps all of them to themselves, others none (projid_map).
    /// </summary>
    public static Errno WriteProjectMap(ProcTask target, ICaller reader, ByteBuilder text) =>
        target.Task.Credentials.UserNamespace.Parent is null
            ? Write(UserNamespace.All, UserNamespace.All, text)
            : Errno.Ok;

    /// <summary>No file system here has project ids to map: EPERM, as for a map that is set.</summary>
    public static Errno ReadProjectMap(ProcTask target, ICaller writer, ReadOnlySpan<byte> text) => Errno.EPERM;

    public static Errno WriteSetGroups(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append(target.Task.Credentials.UserNamespace.SetGroupsDenied ? "deny\n"u8 : "allow\n"u8);
        return Errno.Ok;
    }

    public static Errno ReadSetGroups(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        UserNamespace space = target.Task.Credentials.UserNamespace;
        if (!writer.Credentials.Has(Capability.SysAdmin, space))
            return Errno.EPERM;
        ReadOnlySpan<byte> word = text.TrimEnd(" \n\0"u8);
        if (word.SequenceEqual("deny"u8))
        {
            if (space.GroupMap is not null)
                return Errno.EPERM;
            space.SetGroupsDenied = true;
            return Errno.Ok;
        }

        if (!word.SequenceEqual("allow"u8))
            return Errno.EINVAL;
        return space.SetGroupsDenied ? Errno.EPERM : Errno.Ok;
    }

    /// <summary>
    /// Whose ids the middle column shows: the reader's, and of a map of the reader's own namespace its parent's.
    /// </summary>
    private static UserNamespace? ViewerOf(ProcTask target, ICaller reader)
    {
        UserNamespace viewer = reader.Credentials.UserNamespace;
        return viewer == target.Task.Credentials.UserNamespace ? viewer.Parent ?? viewer : viewer;
    }

    private static Errno Write(IdRange[]? map, IdRange[]? viewer, ByteBuilder text)
    {
        foreach (IdRange range in map ?? [])
        {
            text.AppendLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{range.Inside,10} {UserNamespace.FromKernel(viewer, range.Outside),10} {range.Count,10}"));
        }

        return Errno.Ok;
    }

    // A process may map its own id alone; more needs the capability over the parent namespace.
    private static bool MayMap(ICaller writer, UserNamespace space, IdRange[] map, Capability capability, uint own)
    {
        if (space.Parent is not { } parent || !writer.Credentials.Has(Capability.SysAdmin, space))
            return false;
        if (map.Length == 1 && map[0].Count == 1 && map[0].Outside == own)
            return true;
        return writer.Credentials.Has(capability, parent);
    }

    /// <summary>
    /// Lines of "inside outside count". EINVAL for overlaps and nonsense, EPERM for ids the parent does not have.
    /// </summary>
    private static Result<IdRange[]> Parse(ReadOnlySpan<byte> text, IdRange[]? parent)
    {
        List<IdRange> ranges = [];
        foreach (Range lineRange in text.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> line = text[lineRange].Trim(" \t\0"u8);
            if (line.IsEmpty)
                continue;
            if (!TakeNumber(ref line, out uint inside) || !TakeNumber(ref line, out uint outside)
                || !TakeNumber(ref line, out uint count) || !line.IsEmpty || count == 0
                || inside > uint.MaxValue - count || outside > uint.MaxValue - count || ranges.Count == MaxRanges)
            {
                return Errno.EINVAL;
            }

            if (UserNamespace.ToKernel(parent, outside) is not { } first
                || UserNamespace.ToKernel(parent, outside + (count - 1)) != first + (count - 1))
            {
                return Errno.EPERM;
            }

            foreach (IdRange other in ranges)
            {
                bool overlapsInside = inside < (ulong)other.Inside + other.Count
                    && other.Inside < (ulong)inside + count;
                bool overlapsOutside = first < (ulong)other.Outside + other.Count
                    && other.Outside < (ulong)first + count;
                if (overlapsInside || overlapsOutside)
                    return Errno.EINVAL;
            }

            ranges.Add(new IdRange(inside, first, count));
        }

        return ranges.Count == 0 ? Errno.EINVAL : ranges.ToArray();
    }

    private static bool TakeNumber(ref ReadOnlySpan<byte> line, out uint value)
    {
        line = line.TrimStart(" \t"u8);
        if (!Utf8Parser.TryParse(line, out value, out int used))
            return false;
        line = line[used..].TrimStart(" \t"u8);
        return true;
    }
}
