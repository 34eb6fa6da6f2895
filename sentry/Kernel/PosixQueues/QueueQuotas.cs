namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>
/// How many bytes of queues each user has (getrlimit(2), RLIMIT_MSGQUEUE), by kernel uid. Any thread.
/// </summary>
internal sealed class QueueQuotas
{
    private readonly Dictionary<uint, long> _bytes = []; // Locked by itself.

    /// <summary>False (EMFILE) if the user then has more than <paramref name="limit"/> bytes.</summary>
    public bool TryTake(uint userId, long bytes, ulong limit)
    {
        lock (_bytes)
        {
            long sum = _bytes.GetValueOrDefault(userId) + bytes;
            if ((ulong)sum > limit)
                return false;
            _bytes[userId] = sum;
            return true;
        }
    }

    public void Return(uint userId, long bytes)
    {
        lock (_bytes)
        {
            long left = _bytes.GetValueOrDefault(userId) - bytes;
            if (left > 0)
                _bytes[userId] = left;
            else
                _bytes.Remove(userId);
        }
    }
}
