#include "support/temp_dir.hpp"

#include <stdlib.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

namespace tiercel::test {

temp_dir::temp_dir()
{
    // Short, because Unix socket paths must fit into 108 bytes.
    std::string name = (std::filesystem::temp_directory_path() / "tiercel-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
    }
    path_ = name;
}

temp_dir::~temp_dir()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path temp_dir::write(const std::filesystem::path& name, std::string_view content) const
{
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.close();
    if (!out) { throw std::runtime_error("cannot write " + file.native()); }
    return file;
}

std::string read_file(const std::filesystem::path& file)
{
    std::ifstream in(file, std::ios::binary);
    if (!in) { throw std::system_error(errno, std::generic_category(), file.native()); }
    std::ostringstream out;
    out << in.rdbuf();
    return std::move(out).str();
}

}  // namespace tiercel::test
