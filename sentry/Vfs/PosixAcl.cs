using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// A POSIX access control list (acl(5)) as system.posix_acl_* carry it: version 2, then entries of a tag, permissions
/// and an id, which is the kernel's. Immutable.
/// </summary>
internal sealed class PosixAcl
{
    private const int HeaderBytes = 4, EntryBytes = 8;
    private const uint Version = 2, AllPermissions = 7, NoId = uint.MaxValue;

    private readonly Entry[] _entries;

    private PosixAcl(Entry[] entries) => _entries = entries;

    private enum Tag
    {
        Owner = 1,
        User = 2,
        OwningGroup = 4,
        Group = 8,
        Mask = 16,
        Other = 32,
    }

    private readonly record struct Entry(Tag Tag, uint Permissions, uint Id);

    /// <summary>
    /// Takes what a guest wrote, with the ids of its user namespace. Null for an empty list. EINVAL for what is no
    /// valid list, EOPNOTSUPP for another version.
    /// </summary>
    public static Result<PosixAcl?> Parse(ReadOnlySpan<byte> bytes, UserNamespace space)
    {
        if (bytes.IsEmpty)
            return (PosixAcl?)null;
        if (bytes.Length < HeaderBytes || (bytes.Length - HeaderBytes) % EntryBytes != 0)
            return Errno.EINVAL;
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Version)
            return Errno.EOPNOTSUPP;
        Entry[] entries = new Entry[(bytes.Length - HeaderBytes) / EntryBytes];
        if (entries.Length == 0)
            return (PosixAcl?)null;
        for (int index = 0; index < entries.Length; index++)
        {
            ReadOnlySpan<byte> entry = bytes[(HeaderBytes + (index * EntryBytes))..];
            Tag tag = (Tag)BinaryPrimitives.ReadUInt16LittleEndian(entry);
            uint id = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
            uint? known = tag == Tag.User ? space.UserToKernel(id)
                : tag == Tag.Group ? space.GroupToKernel(id)
                : NoId;
            if (known is not { } kernelId)
                return Errno.EINVAL;
            entries[index] = new Entry(tag, BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]), kernelId);
        }

        return IsValid(entries) ? new PosixAcl(entries) : Errno.EINVAL;
    }

    /// <summary>The bytes, with ids as a user namespace has them.</summary>
    public byte[] ToBytes(UserNamespace space)
    {
        byte[] bytes = new byte[HeaderBytes + (_entries.Length * EntryBytes)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Version);
        for (int index = 0; index < _entries.Length; index++)
        {
            Entry entry = _entries[index];
            Span<byte> room = bytes.AsSpan(HeaderBytes + (index * EntryBytes));
            uint id = entry.Tag == Tag.User ? space.UserFromKernel(entry.Id)
                : entry.Tag == Tag.Group ? space.GroupFromKernel(entry.Id)
                : NoId;
            BinaryPrimitives.WriteUInt16LittleEndian(room, (ushort)entry.Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(room[2..], (ushort)entry.Permissions);
            BinaryPrimitives.WriteUInt32LittleEndian(room[4..], id);
        }

        return bytes;
    }

    /// <summary>True if permission bits say as much: then no list is kept.</summary>
    public bool IsMode =>
        Array.TrueForAll(_entries, static entry => entry.Tag is Tag.Owner or Tag.OwningGroup or Tag.Other);

    /// <summary>The permission bits it shows as: the mask, if there is one, stands for the group.</summary>
    public uint Mode
    {
        get
        {
            uint mode = 0;
            foreach (Entry entry in _entries)
                mode |= IsShown(entry.Tag) ? entry.Permissions << ShiftOf(entry.Tag) : 0;
            return mode;
        }
    }

    /// <summary>The list after chmod(2) to this mode.</summary>
    public PosixAcl WithMode(uint mode) => Map(
        entry => IsShown(entry.Tag)
            ? entry with { Permissions = (mode >> ShiftOf(entry.Tag)) & AllPermissions }
            : entry);

    /// <summary>
    /// What something new gets from its directory's default list: no more than the mode that its maker asks for allows.
    /// </summary>
    public PosixAcl ForNew(uint mode) => Map(
        entry => IsShown(entry.Tag)
            ? entry with { Permissions = entry.Permissions & (mode >> ShiftOf(entry.Tag)) }
            : entry);

    /// <summary>
    /// Whether somebody who is not the owner is granted all of <paramref name="wanted"/> (posix_acl_permission).
    /// </summary>
    public bool Allows(Inode inode, AccessMask wanted, Credentials credentials)
    {
        uint bits = (uint)wanted, mask = AllPermissions;
        foreach (Entry entry in _entries)
            mask = entry.Tag == Tag.Mask ? entry.Permissions : mask;
        bool isInGroup = false;
        foreach (Entry entry in _entries)
        {
            switch (entry.Tag)
            {
                case Tag.User when entry.Id == credentials.FileSystemUserId:
                    return (entry.Permissions & mask & bits) == bits;
                case Tag.OwningGroup when credentials.IsInGroup(inode.GroupId):
                case Tag.Group when credentials.IsInGroup(entry.Id):
                    isInGroup = true;
                    if ((entry.Permissions & bits) == bits)
                        return (mask & bits) == bits;
                    break;
                case Tag.Other:
                    return !isInGroup && (entry.Permissions & bits) == bits;
            }
        }

        return false;
    }

    // Which entries the mode shows; named ones and, with a mask, the owning group are the list's own.
    private bool IsShown(Tag tag) =>
        tag is Tag.Owner or Tag.Mask or Tag.Other || (tag == Tag.OwningGroup && !HasMask);

    private bool HasMask => Array.Exists(_entries, static entry => entry.Tag == Tag.Mask);

    private PosixAcl Map(Converter<Entry, Entry> change) => new(Array.ConvertAll(_entries, change));

    // How far an entry's bits lie to the left in a mode.
    private static int ShiftOf(Tag tag)
    {
        const int owner = 6, group = 3;
        return tag == Tag.Owner ? owner : tag == Tag.Other ? 0 : group;
    }

    // posix_acl_valid: owner, named users, owning group, named groups, the mask that named ones need, others.
    private static bool IsValid(ReadOnlySpan<Entry> entries)
    {
        Tag last = 0;
        bool isNamed = false, hasMask = false;
        int required = 0;
        foreach (Entry entry in entries)
        {
            bool mayRepeat = entry.Tag is Tag.User or Tag.Group;
            bool isKnown = entry.Tag is Tag.Owner or Tag.OwningGroup or Tag.Mask or Tag.Other || mayRepeat;
            if (!isKnown || entry.Permissions > AllPermissions || entry.Tag < last || (entry.Tag == last && !mayRepeat))
                return false;
            last = entry.Tag;
            isNamed |= mayRepeat;
            hasMask |= entry.Tag == Tag.Mask;
            required += entry.Tag is Tag.Owner or Tag.OwningGroup or Tag.Other ? 1 : 0;
        }

        return required == 3 && (hasMask || !isNamed);
    }
}

/// <summary>The lists of a file.</summary>
/// <param name="Access">Who may what.</param>
/// <param name="Default">Of a directory: what is made in it begins with.</param>
internal sealed record PosixAcls(PosixAcl? Access, PosixAcl? Default)
{
    /// <summary>The attributes that carry them.</summary>
    public static ReadOnlySpan<byte> AccessName => "system.posix_acl_access"u8;

    public static ReadOnlySpan<byte> DefaultName => "system.posix_acl_default"u8;

    /// <summary>True for either.</summary>
    public static bool IsName(ReadOnlySpan<byte> name) =>
        name.SequenceEqual(AccessName) || name.SequenceEqual(DefaultName);

    /// <summary>From the stored attributes, with the kernel's ids; null if there are none.</summary>
    public static PosixAcls? Of(Result<byte[]> access, Result<byte[]> inherited)
    {
        PosixAcls acls = new(Read(access), Read(inherited));
        return acls.Access is null && acls.Default is null ? null : acls;
    }

    private static PosixAcl? Read(Result<byte[]> stored) =>
        stored.Failed(out byte[]? bytes, out _)
            || PosixAcl.Parse(bytes, UserNamespace.Root).Failed(out PosixAcl? acl, out _)
            ? null
            : acl;
}
