using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Sentry.Security;

/// <summary>The security.capability attribute of an executable (capabilities(7), "File capabilities").</summary>
/// <param name="Permitted">Given, as far as the bounding set allows.</param>
/// <param name="Inheritable">Given to who has them inheritable.</param>
/// <param name="IsEffective">Whether they are switched on from the start.</param>
internal readonly record struct FileCapabilities(CapabilitySet Permitted, CapabilitySet Inheritable, bool IsEffective)
{
    private const uint RevisionMask = 0xFF00_0000, Revision1 = 0x0100_0000, Revision2 = 0x0200_0000,
        Revision3 = 0x0300_0000;
    private const uint EffectiveFlag = 1;
    private const int Bytes2 = 20, Bytes3 = 24, RootOffset = 20;

    /// <summary>
    /// The attribute's meaning for members of <paramref name="user"/>, or null if there is none, or it is malformed, or
    /// was written for another user namespace's root.
    /// </summary>
    public static FileCapabilities? Parse(ReadOnlySpan<byte> attribute, UserNamespace user)
    {
        if (attribute.Length < 12)
            return null;
        uint magic = Word(attribute, 0);
        uint revision = magic & RevisionMask;
        int expectedBytes = revision switch { Revision1 => 12, Revision2 => 20, Revision3 => 24, _ => -1 };
        if (attribute.Length != expectedBytes)
            return null;
        if (revision == Revision3 && user.UserToKernel(0) != Word(attribute, 20))
            return null;
        ulong permitted = Word(attribute, 4), inheritable = Word(attribute, 8);
        if (revision != Revision1)
        {
            permitted |= (ulong)Word(attribute, 12) << 32;
            inheritable |= (ulong)Word(attribute, 16) << 32;
        }

        return new FileCapabilities(
            new CapabilitySet(permitted) & CapabilitySet.Full,
            new CapabilitySet(inheritable) & CapabilitySet.Full,
            (magic & EffectiveFlag) != 0);
    }

    /// <summary>
    /// What is stored of the attribute that a task sets: who has the capability only in a user namespace of its own
    /// marks it as that one's root's, so that it gives nothing elsewhere (user_namespaces(7); cap_convert_nscap).
    /// EINVAL if it is malformed, or names a root that is nobody.
    /// </summary>
    public static Result<byte[]> ToStored(ReadOnlySpan<byte> attribute, UserNamespace setter)
    {
        uint revision = attribute.Length is Bytes2 or Bytes3 ? Word(attribute, 0) & RevisionMask : 0;
        if (revision != (attribute.Length == Bytes2 ? Revision2 : Revision3))
            return Errno.EINVAL;
        if (revision == Revision2 && setter == UserNamespace.Root)
            return attribute.ToArray();
        uint root = revision == Revision3 ? Word(attribute, RootOffset) : 0;
        return setter.UserToKernel(root) is { } kernelRoot ? WithRoot(attribute, kernelRoot) : Errno.EINVAL;
    }

    /// <summary>
    /// The stored attribute as members of a user namespace see it: EOVERFLOW if it is that of a root they know nothing
    /// of (cap_inode_getsecurity).
    /// </summary>
    public static Result<byte[]> ToShown(ReadOnlySpan<byte> stored, UserNamespace reader)
    {
        if (stored.Length != Bytes3 || (Word(stored, 0) & RevisionMask) != Revision3)
            return stored.ToArray();
        uint kernelRoot = Word(stored, RootOffset);
        if (reader.UserToKernel(0) == kernelRoot)
        {
            byte[] own = stored[..Bytes2].ToArray();
            BinaryPrimitives.WriteUInt32LittleEndian(own, Revision2 | (Word(stored, 0) & EffectiveFlag));
            return own;
        }

        uint root = reader.UserFromKernel(kernelRoot);
        return reader.UserToKernel(root) == kernelRoot ? WithRoot(stored, root) : Errno.EOVERFLOW;
    }

    private static byte[] WithRoot(ReadOnlySpan<byte> attribute, uint root)
    {
        byte[] made = new byte[Bytes3];
        attribute[..Bytes2].CopyTo(made);
        BinaryPrimitives.WriteUInt32LittleEndian(made, Revision3 | (Word(attribute, 0) & EffectiveFlag));
        BinaryPrimitives.WriteUInt32LittleEndian(made.AsSpan(RootOffset), root);
        return made;
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);
}
