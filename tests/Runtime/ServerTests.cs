using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>
/// Servers of Debian and their clients, in one container, over the sandbox's own loopback and unix sockets.
/// </summary>
public sealed class ServerTests : ContainerTests
{
    [Fact]
    public void Nginx_serves_pages_with_its_workers() =>
        Assert.Equal("a page\n404\n3\n", Bash("""
            echo 'a page' > /var/www/html/page.txt
            sed -i 's/worker_processes .*/worker_processes 2;/' /etc/nginx/nginx.conf
            nginx
            curl -s --retry 50 --retry-delay 1 --retry-connrefused localhost/page.txt
            curl -s -o /dev/null -w '%{http_code}\n' localhost/missing
            pgrep -c -x nginx
            nginx -s quit 2>/dev/null
            """));

    [Theory]
    [InlineData("-p 6379")]
    [InlineData("-s /tmp/redis.sock")]
    public void Redis_keeps_what_many_clients_write(string address) =>
        Assert.Equal("PONG\n500\nvalue\n", Bash($$"""
            redis-server --save '' --unixsocket /tmp/redis.sock --daemonize yes >/dev/null
            until redis-cli {{address}} ping 2>/dev/null | grep PONG; do sleep 0.1; done
            for i in $(seq 500); do echo "set key$i $i"; done | redis-cli {{address}} >/dev/null
            redis-benchmark {{address}} -q -c 20 -n 2000 -t incr >/dev/null
            redis-cli {{address}} del counter:__rand_int__ >/dev/null
            redis-cli {{address}} dbsize
            redis-cli {{address}} set key value >/dev/null
            redis-cli {{address}} get key
            redis-cli {{address}} shutdown nosave
            """));
}
