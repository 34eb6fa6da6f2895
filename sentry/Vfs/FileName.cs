using System.Diagnostics.CodeAnalysis;

namespace Sandbox.Sentry.Vfs;

/// <summary>One component of a path: bytes without '/' and NUL, at most NAME_MAX of them.</summary>
internal readonly struct FileName : IEquatable<FileName>
{
    /// <summary>NAME_MAX (limits.h).</summary>
    public const int MaxBytes = 255;

    private readonly byte[] _bytes;

    public FileName(ReadOnlySpan<byte> bytes) => _bytes = bytes.ToArray();

    /// <summary>Compares names as bytes; looks a span up without making a FileName of it.</summary>
    public static IEqualityComparer<FileName> Comparer { get; } = new ByteComparer();

    public ReadOnlySpan<byte> Bytes => _bytes;

    public int Length => _bytes.Length;

    public static implicit operator FileName(string name) => new(System.Text.Encoding.UTF8.GetBytes(name));

    public bool Equals(FileName other) => Bytes.SequenceEqual(other.Bytes);

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is FileName other && Equals(other);

    public override int GetHashCode() => Hash(Bytes);

    /// <summary>For logs only.</summary>
    public override string ToString() => System.Text.Encoding.UTF8.GetString(Bytes);

    // HashCode is salted per process, so that a guest cannot aim for collisions.
    private static int Hash(ReadOnlySpan<byte> bytes)
    {
        HashCode hash = default;
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    private sealed class ByteComparer : IEqualityComparer<FileName>,
        IAlternateEqualityComparer<ReadOnlySpan<byte>, FileName>
    {
        public bool Equals(FileName x, FileName y) => x.Equals(y);

        public int GetHashCode(FileName obj) => Hash(obj.Bytes);

        public FileName Create(ReadOnlySpan<byte> alternate) => new(alternate);

        public bool Equals(ReadOnlySpan<byte> alternate, FileName other) => alternate.SequenceEqual(other.Bytes);

        public int GetHashCode(ReadOnlySpan<byte> alternate) => Hash(alternate);
    }
}
