using System.Numerics;

namespace Sandbox.Linux;

/// <summary>
/// One mapping of <see cref="NativeArena"/>, cut into blocks of one size. Guarded by the arena's lock.
/// </summary>
internal sealed unsafe class NativeChunk
{
    /// <summary>Bytes of a chunk, unless one block is more; untouched pages of it cost nothing.</summary>
    public const int LeastBytes = 256 * 1024;

    private const int PageBytes = 4096;

    private readonly byte* _start;
    private readonly int[] _freeStack; // Indices that were freed; never-used ones are counted by _fresh.
    private int _freed;
    private int _fresh;
    private ulong _idle; // Of blocks of whole pages: free ones that still have their pages, a bit each.

    public NativeChunk(byte* start, int bytes, int blockBytes)
    {
        _start = start;
        (Bytes, BlockBytes) = (bytes, blockBytes);
        _freeStack = new int[BlockCount];
    }

    public int Bytes { get; }

    public int BlockBytes { get; }

    /// <summary>A block is one page or several: its pages can be given back without the rest of the chunk.</summary>
    public bool HasPageBlocks => BlockBytes >= PageBytes;

    public int BlockCount => Bytes / BlockBytes;

    public int UsedCount => _fresh - _freed;

    public bool IsFull => UsedCount == BlockCount;

    public byte* Start => _start;

    /// <summary>Bytes of free blocks that still have their pages.</summary>
    public long IdleBytes => (long)BitOperations.PopCount(_idle) * BlockBytes;

    /// <summary>Its place in the arena's list of chunks with room, or -1.</summary>
    public int ListIndex { get; set; } = -1;

    public byte* BlockAt(int index) => _start + ((long)index * BlockBytes);

    /// <summary>Takes a free block; <paramref name="isZero"/> if nothing was left in it.</summary>
    public int Take(out bool isZero)
    {
        if (_freed == 0)
        {
            isZero = true;
            return _fresh++;
        }

        int index = _freeStack[--_freed];
        isZero = HasPageBlocks && (_idle & (1ul << index)) == 0;
        if (HasPageBlocks)
            _idle &= ~(1ul << index);
        return index;
    }

    /// <summary>Takes a block back; <paramref name="isZero"/> if its pages are gone.</summary>
    public void Give(int index, bool isZero)
    {
        if (HasPageBlocks && !isZero)
            _idle |= 1ul << index;
        _freeStack[_freed++] = index;
    }
}
