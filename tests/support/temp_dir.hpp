#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace tiercel::test {

// A fresh directory that is gone, with all in it, when the object is.
class temp_dir {
public:
    temp_dir();
    temp_dir(const temp_dir&) = delete;
    temp_dir& operator=(const temp_dir&) = delete;
    ~temp_dir();

    const std::filesystem::path& path() const noexcept { return path_; }
    // Writes (or replaces) a file, with the folders on the way; returns its full path.
    std::filesystem::path write(const std::filesystem::path& name, std::string_view content) const;

private:
    std::filesystem::path path_;
};

// The whole file. Throws std::system_error when it cannot be read.
std::string read_file(const std::filesystem::path& file);

}  // namespace tiercel::test
