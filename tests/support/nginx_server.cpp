#include "support/nginx_server.hpp"

#include <system_error>

namespace tiercel::test {
namespace {

// One process in the foreground, everything it writes below the prefix.
std::string configuration(std::uint16_t port, const nginx_options& o)
{
    return "daemon off;\n"
           "master_process off;\n"
           "pid nginx.pid;\n"
           "error_log stderr warn;\n"
           "events { worker_connections 1024; }\n"
           "http {\n"
           "  access_log off;\n"
           "  client_body_temp_path tmp/body;\n"
           "  proxy_temp_path tmp/proxy;\n"
           "  fastcgi_temp_path tmp/fastcgi;\n"
           "  uwsgi_temp_path tmp/uwsgi;\n"
           "  scgi_temp_path tmp/scgi;\n"
           "  types { text/html html; text/css css; application/json json; }\n"
           "  default_type application/octet-stream;\n"
           "  server {\n"
           "    listen 127.0.0.1:" + std::to_string(port) + ";\n"
           "    root html;\n"
           "    location / { " + o.location_directives + " }\n"
           "    " + o.server_directives + "\n"
           "  }\n"
           "}\n";
}

bool accepts_connections(std::uint16_t port)
{
    try {
        connect_to("127.0.0.1", port);
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

}  // namespace

bool nginx_server::available()
{
    return !find_program("nginx").empty();
}

nginx_server::nginx_server(nginx_options o) : port_(free_port())
{
    directory_.write("nginx.conf", configuration(port_, o));
    std::filesystem::create_directories(directory_.path() / "tmp");
    std::filesystem::create_directories(directory_.path() / "html");
    start();
}

void nginx_server::start()
{
    process_options o;
    o.argv = {"nginx", "-p", directory_.path().native() + "/", "-c", "nginx.conf", "-e", "stderr"};
    process_ = process::start(std::move(o));
    if (!eventually([this] { return !process_->is_running() || accepts_connections(port_); }) || !process_->is_running()) {
        throw std::runtime_error("nginx did not start:\n" + process_->output());
    }
}

void nginx_server::restart()
{
    kill();
    start();
}

void nginx_server::write(const std::string& name, std::string_view content) const
{
    directory_.write(std::filesystem::path("html") / name, content);
}

}  // namespace tiercel::test
