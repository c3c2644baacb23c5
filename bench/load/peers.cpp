#include "load/peers.hpp"

#include "load/cost.hpp"
#include "load/cpu.hpp"

#include "support/net.hpp"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>

namespace tiercel::load {
namespace {

using arguments = std::vector<std::string>;

std::string place(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

arguments prepare_nginx(const test::temp_dir& directory, std::uint16_t port, std::uint16_t origin)
{
    const std::string towards_origin =
        "proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffers 32 16k; proxy_buffer_size 16k;";
    directory.write("nginx.conf",
        std::string(::geteuid() == 0 ? "user root;\n" : "") +
        "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr crit;\nworker_rlimit_nofile 200000;\n"
        "events { worker_connections 8192; multi_accept on; }\n"
        "http {\n"
        "  access_log off; sendfile on; tcp_nodelay on; default_type application/octet-stream;\n"
        "  keepalive_timeout 1h; keepalive_requests 1000000000;\n"
        "  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
        "  open_file_cache max=120000 inactive=1h; open_file_cache_valid 1h; open_file_cache_min_uses 1;\n"
        "  proxy_cache_path cache levels=1:2 keys_zone=pages:64m max_size=4g inactive=1h use_temp_path=off;\n"
        "  upstream site { server " + place(origin) + "; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }\n"
        "  server {\n"
        "    listen " + place(port) + " backlog=4096;\n"
        "    location /n/ { " + towards_origin + " }\n"
        "    location / { " + towards_origin + " proxy_cache pages; proxy_cache_key $request_uri; proxy_cache_lock on; }\n"
        "  }\n"
        "}\n");
    return {"nginx", "-p", directory.path().native() + "/", "-c", "nginx.conf", "-e", "stderr"};
}

arguments prepare_haproxy(const test::temp_dir& directory, std::uint16_t port, std::uint16_t origin)
{
    const auto file = directory.write("haproxy.cfg",
        "global\n  nbthread 1\n  maxconn 8192\n  tune.bufsize 32768\n"
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n  timeout http-keep-alive 1h\n"
        "  option http-keep-alive\n  http-reuse always\n"
        "cache pages\n  total-max-size 1024\n  max-object-size 1048576\n  max-age 3600\n"
        "frontend clients\n  bind " + place(port) + "\n  acl stored path_beg /b/\n  http-request cache-use pages if stored\n"
        "  http-response cache-store pages\n  default_backend site\n"
        "backend site\n  server one " + place(origin) + "\n");
    return {"haproxy", "-db", "-f", file.native()};
}

arguments prepare_varnish(const test::temp_dir& directory, std::uint16_t port, std::uint16_t origin)
{
    const auto file = directory.write("site.vcl",
        "vcl 4.1;\n"
        "backend site { .host = \"127.0.0.1\"; .port = \"" + std::to_string(origin) + "\"; .max_connections = 4000; }\n"
        "sub vcl_recv { if (req.url ~ \"^/n/\") { return (pass); } return (hash); }\n");
    return {"varnishd", "-F", "-j", "none", "-n", directory.path().native(), "-f", file.native(), "-a", place(port), "-T", "none",
            "-s", "malloc,1g", "-p", "thread_pools=1", "-p", "thread_pool_min=100", "-p", "thread_pool_max=1000", "-p", "timeout_idle=3600"};
}

constexpr std::array rows{
    peer{"nginx", "nginx", "-v", prepare_nginx},
    peer{"haproxy", "haproxy", "-v", prepare_haproxy},
    peer{"varnish", "varnishd", "-V", prepare_varnish},
};

}  // namespace

std::span<const peer> peers()
{
    return rows;
}

bool is_installed(const peer& p)
{
    return !test::find_program(p.program).empty();
}

std::unique_ptr<peer_process> start(const peer& p, std::uint16_t origin, int cpu)
{
    const stay_here here(cpu);
    auto out = std::make_unique<peer_process>();
    std::filesystem::permissions(out->directory.path(), std::filesystem::perms(0755));
    out->port = test::free_port();
    test::process_options o;
    o.argv = p.prepare(out->directory, out->port, origin);
    out->process = test::process::start(std::move(o));
    if (!wait_for_port(*out->process, out->port)) {
        throw std::runtime_error(std::string(p.name) + " does not start:\n" + out->process->output());
    }
    return out;
}

}  // namespace tiercel::load
