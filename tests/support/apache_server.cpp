#include "support/apache_server.hpp"

#include <unistd.h>

#include <system_error>

namespace tiercel::test {
namespace {

constexpr std::string_view modules = "/usr/lib/apache2/modules";

std::string configuration(const std::filesystem::path& root, std::uint16_t port)
{
    std::string out = "ServerRoot \"" + root.native() + "\"\n"
                      "ServerName localhost\n"
                      "Listen 127.0.0.1:" + std::to_string(port) + "\n"
                      "PidFile httpd.pid\n"
                      "ErrorLog /dev/stderr\n"
                      "DefaultRuntimeDir run\n";
    for (const std::string name : {"mpm_event", "authz_core", "mime", "filter", "deflate", "headers"}) {
        out += "LoadModule " + name + "_module " + std::string(modules) + "/mod_" + name + ".so\n";
    }
    if (::geteuid() == 0) {   // it serves nothing as root
        out += "User www-data\nGroup www-data\n";
    }
    return out + "TypesConfig /dev/null\n"
                 "AddType text/html .html\n"
                 "DocumentRoot \"" + (root / "html").native() + "\"\n"
                 "AddOutputFilterByType DEFLATE text/html\n"
                 "Header always set Cache-Control max-age=60\n";
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

bool apache_server::available()
{
    return !find_program("apache2").empty() && std::filesystem::exists(modules);
}

apache_server::apache_server() : port_(free_port())
{
    namespace fs = std::filesystem;
    for (const char* name : {"html", "run"}) { fs::create_directories(directory_.path() / name); }
    fs::permissions(directory_.path(), fs::perms::group_exec | fs::perms::others_exec, fs::perm_options::add);
    const auto file = directory_.write("httpd.conf", configuration(directory_.path(), port_));
    process_options o;
    o.argv = {"apache2", "-X", "-f", file.native()};
    process_ = process::start(std::move(o));
    if (!eventually([this] { return !process_->is_running() || accepts_connections(port_); }) || !process_->is_running()) {
        throw std::runtime_error("apache2 did not start:\n" + process_->output());
    }
}

void apache_server::write(const std::string& name, std::string_view content) const
{
    namespace fs = std::filesystem;
    const fs::path file = directory_.write(fs::path("html") / name, content);
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(24));
}

}  // namespace tiercel::test
