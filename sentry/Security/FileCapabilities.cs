using System.Buffers.Binary;

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

    private static uint Word(ReadOnlySpan<byte> bytes, int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);
}
