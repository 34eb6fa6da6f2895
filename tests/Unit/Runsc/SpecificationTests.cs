using System.Text;
using System.Text.Json;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Xunit;

namespace Sandbox.UnitTests.Runsc;

/// <summary>config.json: what is read, and what is said about what is wrong.</summary>
public sealed class SpecificationTests
{
    private static Specification Parse(string json) => SpecReader.Parse(Encoding.UTF8.GetBytes(json), "config.json");

    private static string FailureOf(string json) => Assert.Throws<Failure>(() => Parse(json)).Message;

    [Theory]
    [InlineData("""{"process":{}}""", "config.json: ociVersion: must be set")]
    [InlineData("""{"ociVersion":"2.0"}""", "config.json: ociVersion: \"2.0\" is not supported (1.0 to 1.3 are)")]
    [InlineData("""{"ociVersion":"1.0.2"}""", "config.json: process: must be set")]
    [InlineData("""{"ociVersion":"1.0.2","process":{"args":[],"cwd":"/"}}""", "config.json: process.args: must not be empty")]
    [InlineData("""{"ociVersion":"1.0.2","process":{"args":["x"],"cwd":"a"}}""", "config.json: process.cwd: \"a\" must be an absolute path")]
    [InlineData("""{"ociVersion":"1.0.2","process":{"args":["x"],"cwd":"/"}}""", "config.json: root: must be set")]
    public void The_first_wrong_field_is_named(string json, string message) => Assert.Equal(message, FailureOf(json));

    [Fact]
    public void A_field_of_the_wrong_type_is_named_and_broken_JSON_is_placed()
    {
        Assert.Contains("process.args", FailureOf("""{"ociVersion":"1.0.2","process":{"args":7}}"""), StringComparison.Ordinal);
        Assert.Contains("line 1", FailureOf("{,}"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_default_configuration_is_valid_and_survives_a_round_trip()
    {
        string json = JsonSerializer.Serialize(DefaultSpec.Create(), SpecJson.Default.Specification);
        Specification read = Parse(json);
        Assert.Equal(json, JsonSerializer.Serialize(read, SpecJson.Default.Specification));
    }

    [Fact]
    public void Names_with_odd_capitals_are_read()
    {
        Specification read = Parse(
            """
            {"ociVersion":"1.0.2-dev","process":{"args":["x"],"cwd":"/","oomScoreAdj":3},"root":{"path":"r"},
             "linux":{"uidMappings":[{"containerID":1,"hostID":2,"size":3}],
              "resources":{"blockIO":{"weight":5},"memory":{"disableOOMKiller":true,"kernelTCP":9},"network":{"classID":7}}}}
            """);
        Assert.Equal(3, read.Process!.OomScoreAdj);
        Assert.Equal((1u, 2u), (read.Linux!.UidMappings![0].ContainerID, read.Linux.UidMappings[0].HostID));
        ResourcesSpec resources = read.Linux.Resources!;
        Assert.Equal((ushort?)5, resources.BlockIO!.Weight);
        Assert.True(resources.Memory!.DisableOomKiller);
        Assert.Equal(9, resources.Memory.KernelTcp);
        Assert.Equal(7u, resources.Network!.ClassID);
    }

    [Fact]
    public void Mount_options_become_flags_and_data()
    {
        (ulong flags, string data) = MountOptions.Parse(
            ["rbind", "nosuid", "ro", "rw", "size=64k", "mode=755", "newinstance"]);
        Assert.Equal(MountOptions.Bind | MountOptions.Recursive | MountOptions.NoSetUid, flags);
        Assert.Equal("size=64k,mode=755", data);
    }

    [Fact]
    public void Capabilities_are_bits_and_unknown_ones_are_ignored() =>
        Assert.Equal(
            1ul | (1ul << 40), CapabilityNames.Mask(["CAP_CHOWN", "checkpoint_restore", "CAP_FROM_THE_FUTURE"]));
}
