using Sandbox.Platform.Shortcuts.Rewriting;
using Xunit;

namespace Sandbox.UnitTests.Platform;

/// <summary>Which calls are found to be frequent, and where threads go on in those that were rewritten.</summary>
public sealed class CallSitesTests
{
    private static readonly CallSite _number = new(5, false), _read = new(2, true);

    [Fact]
    public void A_place_is_hot_after_many_calls_however_many_others_call()
    {
        CallSites sites = new();
        int hot = 0;
        for (int round = 0; round < 200; round++)
        {
            for (ulong place = 0; place < 20; place++)
                hot += sites.IsHot(0x7F00_0000_0000 + (place * 0x1234)) ? 1 : 0;
        }

        Assert.InRange(hot, 40, 60);
        Assert.InRange(sites.TakeFrequent().Count, 18, 20);
        Assert.Empty(sites.TakeFrequent());
    }

    [Fact]
    public void Places_that_called_once_are_not_frequent()
    {
        CallSites sites = new();
        for (ulong place = 1; place < 50; place++)
            Assert.False(sites.IsHot(place << 12));
        Assert.Empty(sites.TakeFrequent());
    }

    [Fact]
    public void A_thread_within_a_rewritten_call_goes_on_in_its_entry()
    {
        CallSites sites = new();
        sites.Add(0x1000, _number);
        sites.Add(0x2000, _read);
        ulong number = FastEntry.EntryOf(0), read = FastEntry.EntryOf(1);
        Assert.Equal(number + FastEntry.Call, MapOut(sites, 0x1005));
        Assert.Equal(0x1007ul, MapOut(sites, 0x1007));
        Assert.Equal(read + FastEntry.Call, MapOut(sites, 0x2002));
        Assert.Equal(read + FastEntry.Return, MapOut(sites, 0x2004));
        Assert.Equal(0x200Aul, MapOut(sites, 0x200A));
        Assert.Equal(0x2000ul, MapOut(sites, 0x2000));
        Assert.Equal(0x1007ul, sites.Original(number + FastEntry.Return));
        Assert.Equal(0x2004ul, sites.Original(read + FastEntry.Return));
        Assert.Equal((1, 1), (sites.CountLike(_number), sites.CountLike(_read)));
        Assert.True(sites.Fork().Contains(0x2002));
    }

    private static ulong MapOut(CallSites sites, ulong address)
    {
        sites.TryMapOut(address, out _, out ulong mapped);
        return mapped;
    }
}
