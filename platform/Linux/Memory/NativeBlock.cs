namespace Sandbox.Linux;

/// <summary>
/// A piece of memory from <see cref="NativeArena"/>, outside the garbage collected heap. Its owner frees it exactly
/// once and keeps no span of it afterwards.
/// </summary>
public readonly unsafe struct NativeBlock
{
    private readonly NativeChunk? _chunk;
    private readonly int _index;

    internal NativeBlock(NativeChunk chunk, int index) => (_chunk, _index) = (chunk, index);

    internal NativeChunk? Chunk => _chunk;

    internal int Index => _index;

    /// <summary>True for <c>default</c>: no memory.</summary>
    public bool IsEmpty => _chunk is null;

    /// <summary>Bytes of the block: a power of two.</summary>
    public int Capacity => _chunk is null ? 0 : _chunk.BlockBytes;

    /// <summary>The block's bytes.</summary>
    public Span<byte> Span => _chunk is null ? default : new Span<byte>(_chunk.BlockAt(_index), _chunk.BlockBytes);
}
