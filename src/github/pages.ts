/** Lists of GitHub, page by page. */
export const PAGE = 100;

/** Every entry of a list, page by page, at most `pagesMax` pages. */
export async function allPages<T>(
  pagesMax: number,
  read: (page: number) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const entries: T[] = [];
  for (let page = 1; page <= pagesMax; page += 1) {
    const found = await read(page);
    entries.push(...found);
    if (found.length < PAGE) break;
  }
  return entries;
}

/** The number of the last page by the `link` of any page; 1 when there is only one. */
export function lastPage(link: string | undefined): number {
  const page = /[?&]page=(?<page>\d{1,6})[^>]*>;\s*rel="last"/u.exec(link ?? "")?.groups?.["page"];
  return page === undefined ? 1 : Number(page);
}
