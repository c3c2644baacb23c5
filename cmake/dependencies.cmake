# Third-party libraries, all from Debian packages (packages.txt lists them by name).
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS url json)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
if(TIERCEL_TESTS)
  find_package(GTest REQUIRED)
endif()

# Asio and Beast are compiled once, in src/boost, and only declared everywhere else.
add_library(tiercel_boost_headers INTERFACE)
target_link_libraries(tiercel_boost_headers INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(tiercel_boost_headers INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
