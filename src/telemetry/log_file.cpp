#include "telemetry/log_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace tiercel::telemetry {
namespace {

int open_for_append(const std::string& path) noexcept
{
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

// A terminal or a pipe that another process made non-blocking: give its reader some time, but not for ever.
bool wait_writable(int fd) noexcept
{
    pollfd p{fd, POLLOUT, 0};
    return ::poll(&p, 1, 1000) > 0;
}

}  // namespace

log_file::log_file(std::string path, int standard) : path_(std::move(path)), fd_(standard)
{
    if (path_.empty()) { return; }
    fd_ = open_for_append(path_);
    if (fd_ < 0) { throw std::system_error(errno, std::generic_category(), "cannot open log file " + path_); }
}

log_file::~log_file()
{
    if (!path_.empty()) { ::close(fd_); }
}

std::size_t log_file::write(std::string_view lines) noexcept
{
    if (lines.empty()) { return 0; }
    if (torn_ && write_some("\n") == 0) { return lines.size(); }
    torn_ = false;
    const auto written = write_some(lines);
    torn_ = written > 0 && written < lines.size() && lines[written - 1] != '\n';
    return lines.size() - written;
}

std::size_t log_file::write_some(std::string_view bytes) noexcept
{
    last_error_ = 0;
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto n = ::write(fd_, bytes.data() + done, bytes.size() - done);
        if (n > 0) {
            done += static_cast<std::size_t>(n);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN && wait_writable(fd_)) {
            continue;
        } else {
            last_error_ = n < 0 && errno != EAGAIN ? errno : 0;
            break;
        }
    }
    return done;
}

bool log_file::reopen() noexcept
{
    if (path_.empty()) { return true; }
    const int fresh = open_for_append(path_);
    if (fresh < 0) { return false; }
    ::close(std::exchange(fd_, fresh));
    torn_ = false;
    return true;
}

}  // namespace tiercel::telemetry
