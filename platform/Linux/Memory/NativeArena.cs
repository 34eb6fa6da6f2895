using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>
/// Zeroed memory in blocks of a power of two from 64 bytes to 64 KiB, outside the garbage collected heap: the contents of
/// small files. Slabs of one size each, mapped as needed and given back when empty. Safe from any thread.
/// </summary>
public static unsafe partial class NativeArena
{
    /// <summary>The smallest block, bytes.</summary>
    public const int SmallestBlock = 64;

    /// <summary>The largest block, bytes.</summary>
    public const int LargestBlock = 64 * 1024;

    private const int ClassCount = 11;
    private static readonly Lock _lock = new();
    private static readonly List<NativeChunk>[] _withRoom = MakeLists(); // Guarded by _lock: chunks that are not full.
    private static long _mappedBytes;

    /// <summary>Bytes of address space the arena has mapped.</summary>
    public static long MappedBytes => Interlocked.Read(ref _mappedBytes);

    /// <summary>A zeroed block of at least <paramref name="bytes"/> (at most <see cref="LargestBlock"/>). ENOMEM.</summary>
    public static Result<NativeBlock> Allocate(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, LargestBlock);
        int sizeClass = ClassOf(bytes);
        NativeBlock block;
        bool isZero;
        lock (_lock)
        {
            List<NativeChunk> chunks = _withRoom[sizeClass];
            if (chunks.Count == 0)
            {
                if (Map(SmallestBlock << sizeClass) is not { } mapped)
                    return Errno.ENOMEM;
                Enlist(chunks, mapped);
            }

            NativeChunk chunk = chunks[^1];
            block = new NativeBlock(chunk, chunk.Take(out isZero));
            if (chunk.IsFull)
                Delist(chunks, chunk);
        }

        if (!isZero)
            block.Span.Clear();
        return block;
    }

    /// <summary>Gives a block back; an empty one is ignored.</summary>
    public static void Free(NativeBlock block)
    {
        if (block.Chunk is not { } chunk)
            return;
        lock (_lock)
        {
            chunk.Give(block.Index);
            List<NativeChunk> chunks = _withRoom[ClassOf(chunk.BlockBytes)];
            if (chunk.ListIndex < 0)
                Enlist(chunks, chunk);

            // One empty chunk per size stays, so that a file made and removed in a loop does not map and unmap.
            if (chunk.UsedCount == 0 && chunks.Count > 1)
            {
                Delist(chunks, chunk);
                _ = Libc.Munmap(chunk.Start, NativeChunk.Bytes);
                Interlocked.Add(ref _mappedBytes, -NativeChunk.Bytes);
            }
        }
    }

    private static int ClassOf(int bytes) =>
        bytes <= SmallestBlock ? 0 : 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)(bytes - 1)) - 6;

    private static NativeChunk? Map(int blockBytes)
    {
        const int readWrite = 3, privateAnonymous = 0x22;
        nint start = Libc.Mmap(0, NativeChunk.Bytes, readWrite, privateAnonymous, -1, 0);
        if (start == -1)
            return null;
        Interlocked.Add(ref _mappedBytes, NativeChunk.Bytes);
        return new NativeChunk((byte*)start, blockBytes);
    }

    private static void Enlist(List<NativeChunk> chunks, NativeChunk chunk)
    {
        chunk.ListIndex = chunks.Count;
        chunks.Add(chunk);
    }

    private static void Delist(List<NativeChunk> chunks, NativeChunk chunk)
    {
        NativeChunk last = chunks[^1];
        chunks[chunk.ListIndex] = last;
        last.ListIndex = chunk.ListIndex;
        chunk.ListIndex = -1;
        chunks.RemoveAt(chunks.Count - 1);
    }

    private static List<NativeChunk>[] MakeLists()
    {
        List<NativeChunk>[] lists = new List<NativeChunk>[ClassCount];
        for (int index = 0; index < lists.Length; index++)
            lists[index] = [];
        return lists;
    }

    private static partial class Libc
    {
        [LibraryImport("libc", EntryPoint = "mmap")]
        public static partial nint Mmap(nint address, nuint length, int protection, int flags, int fd, long offset);

        [LibraryImport("libc", EntryPoint = "munmap")]
        public static partial int Munmap(byte* address, nuint length);
    }
}
