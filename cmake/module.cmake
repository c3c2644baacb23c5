# tiercel_module(name
#   [PUBLIC_HEADERS a.hpp …]   under include/tiercel, part of the embeddable core
#   [HEADERS a.hpp …]          beside the sources
#   [SOURCES a.cpp …]
#   [DEPENDS module …]         the only modules whose headers this one may include (scripts/check_layers.py)
#   [LIBRARIES target …]       third-party targets
#   [TESTS unit …])            tests/<name>/<unit>_test.cpp, together one test program <name>_test
# Makes the static library tiercel_<name>, and checks that each of its headers compiles alone.
#
# tiercel_test(name
#   SOURCES a_test.cpp …       one test program, <name>_test
#   LABEL unit|scenario|blackbox|conformance
#   [LIBRARIES target …]       on top of tiercel_test_support
#   [TIMEOUT seconds]          120 unless given
#   [SERIAL])                  nothing else runs meanwhile; for tests that look at times
# For tests of more than one module; those of one module are listed in its tiercel_module().
#
# Targets `unit_tests`, `scenario_tests`, `blackbox_tests`, `conformance_tests` build all programs of that label; ctest -L LABEL runs them.
if(TIERCEL_TESTS)
  add_custom_target(unit_tests)
  add_custom_target(scenario_tests)
  add_custom_target(blackbox_tests)
  add_custom_target(conformance_tests)
endif()

function(tiercel_test name)
  cmake_parse_arguments(T "SERIAL" "LABEL;TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  add_executable(${name}_test ${T_SOURCES})
  target_link_libraries(${name}_test PRIVATE tiercel_test_support ${T_LIBRARIES} tiercel_warnings GTest::gmock GTest::gtest_main)
  add_test(NAME ${T_LABEL}.${name} COMMAND ${name}_test)
  set_tests_properties(${T_LABEL}.${name} PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS ${T_LABEL} RUN_SERIAL "${T_SERIAL}")
  add_dependencies(${T_LABEL}_tests ${name}_test)
endfunction()

function(tiercel_module name)
  cmake_parse_arguments(M "" "" "PUBLIC_HEADERS;HEADERS;SOURCES;DEPENDS;LIBRARIES;TESTS" ${ARGN})
  set(target tiercel_${name})
  list(TRANSFORM M_PUBLIC_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/tiercel/)
  list(TRANSFORM M_HEADERS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  if(M_SOURCES)
    add_library(${target} STATIC ${M_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE tiercel_warnings)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_sources(${target} ${scope} FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src
    FILES ${M_PUBLIC_HEADERS} ${M_HEADERS})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  list(TRANSFORM M_DEPENDS PREPEND tiercel_)
  target_link_libraries(${target} ${scope} ${M_DEPENDS} ${M_LIBRARIES})

  if(TIERCEL_TESTS AND M_TESTS)
    list(TRANSFORM M_TESTS REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/tests/${name}/\\1_test.cpp")
    add_executable(${name}_test ${M_TESTS})
    target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${name}_test PRIVATE ${target} tiercel_warnings GTest::gmock GTest::gtest_main)
    add_test(NAME unit.${name} COMMAND ${name}_test)
    set_tests_properties(unit.${name} PROPERTIES TIMEOUT 120 LABELS unit)
    add_dependencies(unit_tests ${name}_test)
  endif()
endfunction()
