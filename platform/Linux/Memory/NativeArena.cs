using System.Numerics;
using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>
/// Memory in blocks of a power of two from 64 bytes to 4 MiB, outside the garbage collected heap: the contents of small
/// files, bytes in pipes and sockets. Slabs of one size each, mapped as needed and given back when empty.
/// Safe from any thread.
/// </summary>
public static unsafe partial class NativeArena
{
    /// <summary>The smallest block, bytes.</summary>
    public const int SmallestBlock = 64;

    /// <summary>The largest block, bytes.</summary>
    public const int LargestBlock = 4 << 20;

    /// <summary>
    /// Freed blocks of whole pages that keep those pages: enough for a busy pipe, and no more for an idle sandbox.
    /// </summary>
    private const long MaxIdleBytes = 1 << 20;

    private const int ClassCount = 17;
    private static readonly Lock _lock = new();
    private static readonly List<NativeChunk>[] _withRoom = MakeLists(); // Guarded by _lock: chunks that are not full.
    private static long _idleBytes; // Guarded by _lock: free, with pages.
    private static long _mappedBytes;

    /// <summary>Bytes of address space the arena has mapped.</summary>
    public static long MappedBytes => Interlocked.Read(ref _mappedBytes);

    /// <summary>The capacity of the block that <see cref="Allocate"/> gives for so many bytes.</summary>
    public static int CapacityFor(int bytes) => SmallestBlock << ClassOf(bytes);

    /// <summary>A block of at least <paramref name="bytes"/> (at most <see cref="LargestBlock"/>). ENOMEM.</summary>
    /// <param name="bytes">How much is needed.</param>
    /// <param name="isCleared">False if the block need not be zero:
    /// what others left in it must not be shown then.</param>
    public static Result<NativeBlock> Allocate(int bytes, bool isCleared = true)
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
            if (!isZero && chunk.HasPageBlocks)
                _idleBytes -= chunk.BlockBytes;
            if (chunk.IsFull)
                Delist(chunks, chunk);
        }

        if (!isZero && isCleared)
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
            // A few blocks that keep a slab alive must not keep the pages of the others:
            // those nobody is charged for any more.
            bool keepsPages = !chunk.HasPageBlocks || _idleBytes + chunk.BlockBytes <= MaxIdleBytes;
            if (!keepsPages)
                keepsPages = !Drop(chunk.BlockAt(block.Index), chunk.BlockBytes);
            if (keepsPages && chunk.HasPageBlocks)
                _idleBytes += chunk.BlockBytes;
            chunk.Give(block.Index, isZero: !keepsPages);

            List<NativeChunk> chunks = _withRoom[ClassOf(chunk.BlockBytes)];
            if (chunk.ListIndex < 0)
                Enlist(chunks, chunk);

            // One empty chunk per size stays, so that a file made and removed in a loop does not map and unmap.
            if (chunk.UsedCount == 0 && chunks.Count > 1)
            {
                Delist(chunks, chunk);
                _idleBytes -= chunk.IdleBytes;
                _ = Libc.Munmap(chunk.Start, (nuint)chunk.Bytes);
                Interlocked.Add(ref _mappedBytes, -chunk.Bytes);
            }
        }
    }

    private static int ClassOf(int bytes) =>
        bytes <= SmallestBlock ? 0 : 32 - BitOperations.LeadingZeroCount((uint)(bytes - 1)) - 6;

    private static NativeChunk? Map(int blockBytes)
    {
        const int readWrite = 3, privateAnonymous = 0x22;
        int bytes = Math.Max(NativeChunk.LeastBytes, blockBytes);
        nint start = Libc.Mmap(0, (nuint)bytes, readWrite, privateAnonymous, -1, 0);
        if (start == -1)
            return null;
        Interlocked.Add(ref _mappedBytes, bytes);
        return new NativeChunk((byte*)start, bytes, blockBytes);
    }

    private static bool Drop(byte* start, int bytes)
    {
        const int dontNeed = 4;
        return Libc.Madvise(start, (nuint)bytes, dontNeed) == 0;
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

        [LibraryImport("libc", EntryPoint = "madvise")]
        public static partial int Madvise(byte* address, nuint length, int advice);
    }
}
