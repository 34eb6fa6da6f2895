namespace Sandbox.Linux;

/// <summary>One mapping of <see cref="NativeArena"/>, cut into blocks of one size. Guarded by the arena's lock.</summary>
internal sealed unsafe class NativeChunk
{
    /// <summary>Bytes of a chunk; untouched pages of it cost nothing.</summary>
    public const int Bytes = 256 * 1024;

    private readonly byte* _start;
    private readonly int[] _freeStack; // Indices that were freed; never-used ones are counted by _fresh.
    private int _freed;
    private int _fresh;

    public NativeChunk(byte* start, int blockBytes)
    {
        _start = start;
        BlockBytes = blockBytes;
        _freeStack = new int[BlockCount];
    }

    public int BlockBytes { get; }

    public int BlockCount => Bytes / BlockBytes;

    public int UsedCount => _fresh - _freed;

    public bool IsFull => UsedCount == BlockCount;

    public byte* Start => _start;

    /// <summary>Its place in the arena's list of chunks with room, or -1.</summary>
    public int ListIndex { get; set; } = -1;

    public byte* BlockAt(int index) => _start + ((long)index * BlockBytes);

    /// <summary>Takes a free block; <paramref name="isZero"/> if it was never used.</summary>
    public int Take(out bool isZero)
    {
        isZero = _freed == 0;
        return isZero ? _fresh++ : _freeStack[--_freed];
    }

    public void Give(int index) => _freeStack[_freed++] = index;
}
