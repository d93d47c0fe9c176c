import js from '@eslint/js';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import globals from 'globals';
import tseslint from 'typescript-eslint';

const features = [
  'browse',
  'seatmap',
  'line',
  'checkout',
  'tickets',
  'admin',
  'organizer',
  'gate',
  'account',
];

/** A feature may use api, ui and lib, and its own files; another feature is out of reach. */
const zones = features.map((feature) => ({
  files: [`src/${feature}/**`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(@/|(\\.\\./)+)(app|${features.filter((other) => other !== feature).join('|')})(/|$)`,
            message: 'Features do not import each other; share through api, ui or lib.',
          },
        ],
      },
    ],
  },
}));

const shared = {
  files: ['src/api/**', 'src/ui/**', 'src/lib/**'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(@/|(\\.\\./)+)(app|${features.join('|')})(/|$)`,
            message: 'Shared code does not know the features.',
          },
        ],
      },
    ],
  },
};

const framework = {
  files: ['src/seatmap/map/**', 'src/lib/hall/!(use*)'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: '^(react|zustand|@tanstack|@/(?!lib/hall/[a-z]+$))',
            message: 'The map is plain TypeScript.',
          },
        ],
      },
    ],
  },
};

export default tseslint.config(
  { ignores: ['dist', 'src/api/schema.d.ts'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // The router signals redirects by throwing them.
      '@typescript-eslint/only-throw-error': 'off',
    },
  },
  {
    files: ['**/*.tsx'],
    plugins: { 'react-hooks': reactHooks, 'jsx-a11y': jsxA11y },
    rules: {
      ...reactHooks.configs.recommended.rules,
      ...jsxA11y.flatConfigs.strict.rules,
    },
  },
  { files: ['scripts/**'], languageOptions: { globals: globals.node } },
  ...zones,
  shared,
  framework,
);
