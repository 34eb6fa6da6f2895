using System.Runtime.CompilerServices;
using Sandbox.Platform.Notify;
using Sandbox.Platform.Stubs;
using Xunit;

namespace Sandbox.UnitTests.Platform;

/// <summary>The tables that a stub's threads share.</summary>
public sealed class ThreadTableTests
{
    [Fact]
    public void A_page_goes_with_its_last_thread()
    {
        ThreadTable table = new();
        for (int tid = 1; tid < 1 << 20; tid += 700)
        {
            GuestThread thread = Any();
            table.Add(tid, thread);
            Assert.Same(thread, table.Find(tid));
            table.Remove(tid, thread);
            Assert.Null(table.Find(tid));
        }

        Assert.Equal(0, table.PageCount);
    }

    [Fact]
    public void An_id_given_to_another_thread_is_the_other_threads()
    {
        ThreadTable table = new();
        GuestThread old = Any(), next = Any();
        table.Add(5, old);
        table.Add(5, next);
        table.Remove(5, old);
        Assert.Same(next, table.Find(5));
        table.Remove(5, next);
        Assert.Equal(0, table.PageCount);
        Assert.Null(table.Find(-1));
        Assert.Null(table.Find(1 << 22));
    }

    [Fact]
    public void A_lent_number_is_taken_once_until_it_is_back()
    {
        LentNumbers numbers = new();
        HashSet<int> taken = [];
        for (int i = 0; i < LentNumbers.Count; i++)
            Assert.True(taken.Add(numbers.Take()));
        Assert.Equal(-1, numbers.Take());
        numbers.Return(LentNumbers.First + 7);
        Assert.Equal(LentNumbers.First + 7, numbers.Take());
        Assert.True(LentNumbers.Contains(LentNumbers.First));
        Assert.False(LentNumbers.Contains(LentNumbers.First + LentNumbers.Count));
        Assert.False(LentNumbers.Contains(3));
    }

    private static GuestThread Any() => (GuestThread)RuntimeHelpers.GetUninitializedObject(typeof(GuestThread));
}
