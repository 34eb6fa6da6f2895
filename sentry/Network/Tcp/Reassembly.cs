using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// Segments that came before their turn, disjoint and in order. Bounded in bytes by the window, and in pieces.
/// </summary>
internal sealed class Reassembly
{
    private const int MaxPieces = 1024;

    private readonly List<Piece> _pieces = [];

    public int Bytes { get; private set; }

    public bool IsEmpty => _pieces.Count == 0;

    private readonly record struct Piece(Sequence Start, ByteSlice Data)
    {
        public Sequence End => Start + Data.Length;
    }

    /// <summary>
    /// Keeps what of a segment is not here yet; false if there is no room. Adds references of its own.
    /// </summary>
    public bool Add(Sequence start, ByteSlice data)
    {
        int index = 0;
        while (index < _pieces.Count && _pieces[index].End <= start)
            index++;
        while (data.Length > 0)
        {
            Sequence limit = index < _pieces.Count ? _pieces[index].Start : start + data.Length;
            if (start < limit)
            {
                if (_pieces.Count >= MaxPieces)
                    return false;
                int count = Math.Min(data.Length, limit - start);
                _pieces.Insert(index++, new Piece(start, Own(data.Take(count))));
                Bytes += count;
                data = data.Skip(count);
                start += count;
                continue;
            }

            int known = Math.Min(data.Length, _pieces[index].End - start);
            data = data.Skip(known);
            start += known;
            index++;
        }

        return true;
    }

    /// <summary>
    /// Moves what is in order from <paramref name="next"/> on into the queue; gives the place that is expected then.
    /// </summary>
    public Sequence MoveTo(SliceQueue queue, Sequence next)
    {
        int done = 0;
        foreach (Piece piece in _pieces)
        {
            if (piece.Start > next)
                break;
            if (piece.End > next)
            {
                queue.Append(piece.Data.Skip(next - piece.Start));
                next = piece.End;
            }

            Bytes -= piece.Data.Length;
            piece.Data.Buffer!.Release();
            done++;
        }

        _pieces.RemoveRange(0, done);
        return next;
    }

    /// <summary>
    /// The blocks a receiver reports (RFC 2018): the one that holds <paramref name="recent"/> first, then the others.
    /// </summary>
    public int Report(Sequence recent, ref TcpHeader.SackBlocks blocks, int most)
    {
        int count = 0;
        for (int pass = 0; pass < 2; pass++)
        {
            for (int index = 0; index < _pieces.Count && count < most;)
            {
                Sequence start = _pieces[index].Start, end = _pieces[index].End;
                for (index++; index < _pieces.Count && _pieces[index].Start == end; index++)
                    end = _pieces[index].End;
                bool holdsRecent = start <= recent && recent < end;
                if (holdsRecent == (pass == 0))
                    blocks[count++] = new SequenceRange(start, end);
            }
        }

        return count;
    }

    public void Clear()
    {
        foreach (Piece piece in _pieces)
            piece.Data.Buffer!.Release();
        _pieces.Clear();
        Bytes = 0;
    }

    // A short piece in a large buffer would keep much memory for little: it gets a small one.
    private static ByteSlice Own(ByteSlice data)
    {
        if (data.Length * 4 >= data.Buffer!.Bytes.Length)
        {
            data.Buffer.AddReference();
            return data;
        }

        SharedBuffer copy = SharedBuffer.Rent(data.Length);
        data.Span.CopyTo(copy.Bytes);
        return new ByteSlice(copy, 0, data.Length);
    }
}
