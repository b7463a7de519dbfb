{
  'variables': {
    # Comma-separated as gcc takes them: --sanitize=address,undefined. Run with LD_PRELOAD=$(gcc -print-file-name=libasan.so).
    'sanitize%': '',
    'coverage%': 0,
  },
  'targets': [{
    'target_name': 'vfio_migration',
    'conditions': [
      # Off Linux there is nothing to build; lib/binding.ts says so on first use.
      ['OS!="linux"', {'type': 'none'}, {
        'sources': ['<!@(node scripts/sources.mjs native/core native/binding)'],
        'include_dirs': ['native'],
        'dependencies': ['<!(node -p "require(\'node-addon-api\').targets"):node_addon_api'],
        'defines': [
          'NAPI_VERSION=9',
          'NODE_ADDON_API_DISABLE_DEPRECATED',
          'NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS',
          # A call into JavaScript while a Worker is being torn down must not abort the process.
          'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
          'VFM_VERSION="<!(node -p "require(\'./package.json\').version")"',
          '_FILE_OFFSET_BITS=64',
        ],
        'cflags': ['-fvisibility=hidden', '-Wall', '-Wextra', '-Werror=return-type', '-pthread'],
        'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fvisibility-inlines-hidden'],
        # Node's own flags come with an older or newer standard, depending on its version.
        'cflags_cc!': ['-std=gnu++14', '-std=gnu++17', '-std=gnu++20', '-fexceptions'],
        # nodelete: when the last Worker that uses the addon ends, Node unloads it, while lanes may still be inside a driver.
        'ldflags': ['-pthread', '-Wl,--exclude-libs,ALL', '-Wl,-z,nodelete'],
        'configurations': {
          'Release': {'cflags': ['-O3'], 'cflags!': ['-O2']},
          'Debug': {'cflags': ['-O0', '-g']},
        },
        'conditions': [
          ['sanitize!=""', {
            'cflags': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer', '-g'],
            'ldflags': ['-fsanitize=<(sanitize)'],
          }],
          ['coverage==1', {'cflags': ['--coverage', '-O0'], 'ldflags': ['--coverage']}],
        ],
      }],
    ],
  }],
}
