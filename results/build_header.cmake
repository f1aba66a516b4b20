# Run at build time: cmake -DSOURCE=... -DOUTPUT=... -DVERSION=... -DCOMPILER=... -DFLAGS=... -P build_header.cmake
# Writes the header only when it changes, so that a build with nothing to do stays one.
set(commit NULL)
set(dirty -1)
find_program(GIT git)
if(GIT)
  # A source tree unpacked inside somebody else's checkout must not borrow that commit.
  execute_process(COMMAND ${GIT} rev-parse --show-toplevel WORKING_DIRECTORY ${SOURCE}
                  OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
  file(REAL_PATH "${SOURCE}" source)
  if(NOT failed AND top STREQUAL source)
    execute_process(COMMAND ${GIT} rev-parse --verify HEAD WORKING_DIRECTORY ${SOURCE}
                    OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
    if(NOT failed)
      set(commit "\"${head}\"")
      execute_process(COMMAND ${GIT} --no-optional-locks status --porcelain --untracked-files=no
                      WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE changes RESULT_VARIABLE failed ERROR_QUIET)
      if(NOT failed)
        if(changes)
          set(dirty 1)
        else()
          set(dirty 0)
        endif()
      endif()
    endif()
  endif()
endif()

foreach(name VERSION COMPILER FLAGS)
  string(STRIP "${${name}}" ${name})
  string(REGEX REPLACE "[ ;]+" " " ${name} "${${name}}")
  string(REPLACE "\\" "\\\\" ${name} "${${name}}")
  string(REPLACE "\"" "\\\"" ${name} "${${name}}")
endforeach()
set(text "#define TRAM_BUILD_VERSION  \"${VERSION}\"
#define TRAM_BUILD_COMMIT   ${commit}
#define TRAM_BUILD_DIRTY    ${dirty}
#define TRAM_BUILD_COMPILER \"${COMPILER}\"
#define TRAM_BUILD_FLAGS    \"${FLAGS}\"
")
set(old "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" old)
endif()
if(NOT old STREQUAL text)
  file(WRITE "${OUTPUT}" "${text}")
endif()
