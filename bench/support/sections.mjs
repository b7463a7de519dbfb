// SPDX-License-Identifier: MIT

/**
 * `page` with everything between `<!-- NAME -->` and `<!-- /NAME -->` replaced.
 * @throws {Error} when a marker is missing, or there twice
 */
export function withSection(page, name, text) {
  const [before, rest, ...more] = page.split(`<!-- ${name} -->`)
  const [, after, ...others] = rest?.split(`<!-- /${name} -->`) ?? []
  if (after === undefined || more.length > 0 || others.length > 0)
    throw new Error(`the page wants the markers <!-- ${name} --> and <!-- /${name} --> once each`)
  return `${before}<!-- ${name} -->\n${text}\n<!-- /${name} -->${after}`
}
