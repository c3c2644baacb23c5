#pragma once

// Where lines go: a file that can be reopened after a rotation, or a stream that the process was started with.

#include <cstddef>
#include <string>
#include <string_view>

namespace tiercel::telemetry {

// Thread: one at a time.
class log_file {
public:
    // Appends to `path`, which is made if missing; an empty path means `standard` (1 or 2), which is never closed.
    // Throws std::system_error when the file cannot be opened.
    log_file(std::string path, int standard);
    ~log_file();
    log_file(const log_file&) = delete;
    log_file& operator=(const log_file&) = delete;

    // Writes whole lines; may block. Returns how many bytes at the end of `lines` were lost: 0 unless the disk is full, the
    // reader of a pipe is gone or the like. After half a line the next call begins with a line feed.
    std::size_t write(std::string_view lines) noexcept;

    // Why the last write lost something; 0 when none has, or when the reader was too slow.
    int last_error() const noexcept { return last_error_; }

    // Opens the path anew. False when that fails: then the old file stays in use. A standard stream stays as it is.
    bool reopen() noexcept;

    const std::string& path() const noexcept { return path_; }

private:
    std::size_t write_some(std::string_view bytes) noexcept;   // returns what was written

    std::string path_;
    int fd_;
    bool torn_ = false;
    int last_error_ = 0;
};

}  // namespace tiercel::telemetry
